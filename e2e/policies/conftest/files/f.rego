package main

deny contains msg if {
	settings := parse_config_file("settings.toml")
	msg := sprintf("limit %v", [settings.limit])
}

deny contains msg if {
	all := parse_combined_config_files(["settings.toml", "../multi.yaml"])
	msg := sprintf("%d documents", [count(all)])
}

deny contains "never" if parse_config_file("nowhere.toml")
