//! How all of it is taken back. In: options. Out: a script that says what it would do, and does it when asked.

use crate::options::Options;
use crate::template::{Conditions, Fill};

/// The script. It deletes what calls the gate first, then the server, and never the authority.
pub fn remove_script(options: &Options) -> String {
    let road = options.road;
    let fill = Fill {
        values: vec![
            ("NAMESPACE", options.namespace.to_string()),
            ("NAME", options.name.to_string()),
            ("CONFIG_DIR", options.config_dir.to_string()),
        ],
        conditions: Conditions::Known(vec![
            ("control_plane", road.image_policy() || road.by_file()),
            ("image_policy", road.image_policy()),
            ("static", road.by_file()),
            ("webhook", road.webhook()),
        ]),
    };
    fill.text(include_str!("../templates/remove.sh"))
}
