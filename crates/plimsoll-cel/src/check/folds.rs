//! Macros over lists and maps: their types, and their nodes.

use super::{Checker, Typed};
use crate::ast::{Fold, Gives};
use crate::node::{FoldNode, Node};
use crate::types::Type;

impl Checker<'_> {
    pub(crate) fn fold(&mut self, at: usize, fold: &Fold) -> Typed {
        let (range_of, range) = self.expr(&fold.range);
        let range_of = self.bindings.resolved(&range_of, false);
        let (index, item) = match &range_of {
            Type::List(item) => (Type::Int, (**item).clone()),
            Type::Map(pair) => (pair.0.clone(), pair.1.clone()),
            Type::Dyn | Type::Error => (Type::Dyn, Type::Dyn),
            Type::Param(_) => {
                self.bindings.fits(&range_of, &Type::Dyn);
                (Type::Dyn, Type::Dyn)
            }
            other => {
                let shown = self.shown(other);
                let message = format!(
                    "expression of type '{shown}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                self.issue(fold.range.at, message);
                (Type::Error, Type::Error)
            }
        };
        let keyed = matches!(range_of, Type::Map(_));
        let (first, second) = match &fold.second {
            Some(second) => (self.declare(&fold.first, index.clone()), Some(self.declare(second, item.clone()))),
            None => (self.declare(&fold.first, if keyed { index.clone() } else { item.clone() }), None),
        };
        let filter = fold.filter.as_ref().map(|filter| self.expr(filter));
        let step = fold.step.as_ref().map(|step| self.expr(step));
        self.forget(1 + usize::from(second.is_some()));
        let filter = filter.map(|(of, node)| {
            self.question(at, fold, &of);
            node
        });
        let (step_of, step) = step.map_or((None, None), |(of, node)| (Some(of), Some(node)));
        let known = step_of.as_ref().is_some_and(|of| !self.bindings.resolved(of, false).is_dyn());
        let of = self.result(at, fold, &range_of, index, item, step_of);
        (of, Node::Fold(Box::new(FoldNode { gives: fold.gives, range, first, second, filter, step, known })))
    }

    /// The question that each item is asked is answered by yes or no.
    fn question(&mut self, at: usize, fold: &Fold, of: &Type) {
        match fold.gives {
            Gives::All | Gives::Exists => self.is_question(fold.filter.as_ref().map_or(at, |filter| filter.at), of),
            Gives::ExistsOne => {
                self.resolved(at, "_?_:_", false, &[of.clone(), Type::Int, Type::Int]);
            }
            _ => {
                let list = Type::list(Type::Dyn);
                self.resolved(at, "_?_:_", false, &[of.clone(), list.clone(), list]);
            }
        }
    }

    fn result(&mut self, at: usize, fold: &Fold, range: &Type, index: Type, item: Type, step: Option<Type>) -> Type {
        let step = step.unwrap_or(Type::Dyn);
        match fold.gives {
            Gives::All | Gives::Exists | Gives::ExistsOne => Type::Bool,
            Gives::List => Type::list(step),
            Gives::Filter => Type::list(if matches!(range, Type::Map(_)) { index } else { item }),
            Gives::Map => Type::map(index, step),
            Gives::MapEntry => match self.bindings.resolved(&step, false) {
                of @ (Type::Map(_) | Type::Dyn | Type::Error | Type::Param(_)) => of,
                other => {
                    let shown = self.shown(&other);
                    let message = format!(
                        "found no matching overload for 'cel.@mapInsert' applied to '(map(dyn, dyn), {shown})'"
                    );
                    self.issue(at, message).0
                }
            },
            Gives::SortBy => {
                if matches!(range, Type::Map(_)) {
                    let message = format!(
                        "found no matching overload for '@sortByAssociatedKeys' applied to '{range}.(list({step}))'"
                    );
                    return self.issue(at, message).0;
                }
                let key = self.shown(&step);
                let sorts = matches!(
                    key,
                    Type::Dyn
                        | Type::Error
                        | Type::Int
                        | Type::Uint
                        | Type::Double
                        | Type::Bool
                        | Type::Duration
                        | Type::Timestamp
                        | Type::String
                        | Type::Bytes
                );
                if !sorts {
                    let shown = self.shown(&item);
                    let message = format!(
                        "found no matching overload for '@sortByAssociatedKeys' applied to 'list({shown}).(list({key}))'"
                    );
                    return self.issue(at, message).0;
                }
                Type::list(item)
            }
        }
    }
}
