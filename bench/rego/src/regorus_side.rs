//! regorus's side: its interpreter, and its VM where it can compile the policy.

use std::sync::Arc;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::RegoVM;
use regorus::{Engine, Value};

use crate::templates::Template;
use crate::{Outcome, Task};

fn text(error: impl std::fmt::Display) -> Box<dyn std::error::Error> {
    error.to_string().into()
}

fn engine(task: &Task) -> Outcome<Engine> {
    let mut engine = Engine::new();
    engine.set_rego_v0(true);
    engine.add_policy("p.rego".into(), task.module.into()).map_err(text)?;
    engine.add_data_json(&task.data).map_err(text)?;
    Ok(engine)
}

pub struct Interpreter {
    engine: Engine,
    input: Value,
    rule: String,
}

impl Interpreter {
    pub fn new(task: &Task) -> Outcome<Interpreter> {
        let input = Value::from_json_str(&task.input).map_err(text)?;
        Ok(Interpreter { engine: engine(task)?, input, rule: task.rule.into() })
    }

    pub fn run(&mut self) -> Outcome<Value> {
        // Values are shared: the clone is a count.
        self.engine.set_input(self.input.clone());
        self.engine.eval_rule(self.rule.clone()).map_err(text)
    }
}

pub struct Vm {
    vm: RegoVM,
    input: Value,
}

impl Vm {
    pub fn new(task: &Task) -> Outcome<Vm> {
        let rule: Arc<str> = task.rule.into();
        let policy = engine(task)?.compile_with_entrypoint(&rule).map_err(text)?;
        let program = Compiler::compile_from_policy(&policy, &[task.rule]).map_err(|error| format!("{error:?}"))?;
        let mut vm = RegoVM::new();
        vm.load_program(program);
        vm.set_data(Value::from_json_str(&task.data).map_err(text)?).map_err(|error| format!("{error:?}"))?;
        let input = Value::from_json_str(&task.input).map_err(text)?;
        let mut vm = Vm { vm, input };
        vm.run()?;
        Ok(vm)
    }

    pub fn run(&mut self) -> Outcome<Value> {
        self.vm.set_input(self.input.clone());
        self.vm.execute().map_err(|error| format!("{error:?}").into())
    }
}

/// Parses and prepares a template, as far as it goes.
pub fn loaded(template: &Template) -> Outcome<()> {
    let mut engine = Engine::new();
    engine.set_rego_v0(template.v0);
    for (name, text) in &template.modules {
        engine.add_policy(name.clone(), text.clone()).map_err(|error| error.to_string())?;
    }
    engine.compile_with_entrypoint(&template.rule.as_str().into()).map(drop).map_err(text)
}
