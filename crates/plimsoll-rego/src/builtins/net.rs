//! `net.*`: networks of addresses, and the one look-up that reaches outside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ip::{Network, ip_text, mask, parse_ip};
use super::{Builtin, Context, Failure, http, want};
use crate::value::Value;

type Result<T = Option<Value>> = std::result::Result<T, Failure>;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("net.cidr_contains", "(cidr: string, cidr_or_ip: string) => result: boolean", contains),
    Builtin::new(
        "net.cidr_contains_matches",
        "(cidrs: any<string, array[any<string, array[any]>], object[string: any<string, array[any]>], set[any<string, array[any]>]>, cidrs_or_ips: any<string, array[any<string, array[any]>], object[string: any<string, array[any]>], set[any<string, array[any]>]>) => output: set[array<any, any>]",
        contains_matches,
    ),
    Builtin::new("net.cidr_expand", "(cidr: string) => hosts: set[string]", expand),
    Builtin::new("net.cidr_intersects", "(cidr1: string, cidr2: string) => result: boolean", intersects),
    Builtin::new("net.cidr_is_valid", "(cidr: string) => result: boolean", is_valid),
    Builtin::new("net.cidr_merge", "(addrs: any<array[any<string>], set[string]>) => output: set[string]", merge),
    Builtin::new("net.cidr_overlap", "(string, string) => boolean", contains).deprecated(),
    Builtin::new("net.lookup_ip_addr", "(name: string) => addrs: set[string]", lookup).nondeterministic(),
];

fn network(value: &Value) -> Result<Network> {
    let text = want::string_of(value, 1)?;
    Network::parse(text).map(|(_, network)| network).map_err(Failure::builtin)
}

fn contains(context: &mut Context<'_>, args: &[Value]) -> Result {
    context.meter.steps(1)?;
    contained(want::argument(args, 0), want::argument(args, 1)).map(|yes| Some(Value::Bool(yes)))
}

fn contained(outer: &Value, inner: &Value) -> Result<bool> {
    let outer = network(outer)?;
    let text = want::string_of(inner, 1)?;
    if let Some(address) = parse_ip(text) {
        return Ok(outer.contains(address));
    }
    let inner = network(inner).map_err(|_| {
        Failure::builtin(format!("not a valid textual representation of an IP address or CIDR: {text}"))
    })?;
    if let (IpAddr::V6(a), IpAddr::V6(b)) = (outer.address, inner.address)
        && outer.is_plain_v6()
        && inner.is_plain_v6()
    {
        return Ok(outer.prefix <= inner.prefix && u128::from(a) == u128::from(b) & mask(128, outer.prefix));
    }
    Ok(outer.contains(inner.address) && outer.contains(inner.last()))
}

fn intersects(context: &mut Context<'_>, args: &[Value]) -> Result {
    context.meter.steps(1)?;
    let (a, b) = (network(want::argument(args, 0))?, network(want::argument(args, 1))?);
    Ok(Some(Value::Bool(a.contains(b.address) || b.contains(a.address))))
}

fn is_valid(context: &mut Context<'_>, args: &[Value]) -> Result {
    context.meter.steps(1)?;
    let valid = want::argument(args, 0).as_str().is_some_and(|text| Network::parse(text).is_ok());
    Ok(Some(Value::Bool(valid)))
}

/// The networks of an operand, each with what it is called in the answer.
fn matchable(operand: usize, value: &Value) -> Result<Vec<(Value, Value)>> {
    let term = |value: &Value| match value {
        Value::String(_) => Ok(value.clone()),
        Value::Array(array) if !array.items().is_empty() => Ok(array.items().first().cloned().unwrap_or(Value::Null)),
        _ => Err(Failure::builtin(format!("operand {operand}: element must be string or non-empty array"))),
    };
    match value {
        Value::String(_) => Ok(vec![(value.clone(), value.clone())]),
        Value::Array(array) => {
            array.items().iter().zip(0i64..).map(|(item, index)| Ok((term(item)?, Value::int(index)))).collect()
        }
        Value::Set(set) => set.members().iter().map(|member| Ok((term(member)?, member.clone()))).collect(),
        Value::Object(object) => object.entries().iter().map(|(key, value)| Ok((term(value)?, key.clone()))).collect(),
        _ => Ok(Vec::new()),
    }
}

fn contains_matches(context: &mut Context<'_>, args: &[Value]) -> Result {
    let outer = matchable(1, want::argument(args, 0))?;
    let mut out = Vec::new();
    if !outer.is_empty() {
        let inner = matchable(2, want::argument(args, 1))?;
        for (network, index) in &outer {
            for (other, other_index) in &inner {
                context.meter.steps(1)?;
                if contained(network, other)? {
                    context.meter.memory(96)?;
                    out.push(Value::array(vec![index.clone(), other_index.clone()]));
                }
            }
        }
    }
    Ok(Some(Value::set(out)))
}

fn expand(context: &mut Context<'_>, args: &[Value]) -> Result {
    let text = want::string(args, 0, 1)?;
    let (_, network) = Network::parse(text).map_err(Failure::builtin)?;
    // The whole range is paid for at once: a /0 ends here.
    let host_bits = network.bits() - network.prefix;
    let count = 1u64.checked_shl(host_bits).filter(|_| host_bits < 60).unwrap_or(u64::MAX / 128);
    context.meter.steps(count)?;
    context.meter.memory(count.saturating_mul(80))?;
    let mut out = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    for offset in 0..count {
        let address = match network.address {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from(u32::from(v4).wrapping_add(offset as u32))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6).wrapping_add(u128::from(offset)))),
        };
        out.push(Value::string(ip_text(address)));
    }
    Ok(Some(Value::set(out)))
}

/// A range of addresses, both ends within; IPv4 where Go takes it for that.
#[derive(Debug, Clone, Copy)]
struct Range {
    v4: bool,
    first: u128,
    last: u128,
    /// Not merged with another: kept as it was.
    whole: Option<Network>,
}

/// Addresses of both families on one line, as Go compares them: IPv4 mapped into IPv6.
const MAPPED: u128 = 0xFFFF_0000_0000;

impl Range {
    fn of(network: Network) -> Range {
        let wide = |address: IpAddr| match address {
            IpAddr::V4(v4) => MAPPED | u128::from(u32::from(v4)),
            IpAddr::V6(v6) => u128::from(v6),
        };
        let (first, last) = (wide(network.address), wide(network.last()));
        Range { v4: first >> 32 == MAPPED >> 32, first, last, whole: Some(network) }
    }

    /// The fewest networks that are just this range.
    fn networks(self, out: &mut Vec<Network>) {
        if let Some(network) = self.whole {
            out.push(network);
            return;
        }
        let mut first = self.first;
        loop {
            let size = first.trailing_zeros().min(if self.v4 { 32 } else { 127 });
            let mut size = size;
            while size > 0 && first.checked_add((1u128 << size) - 1).is_none_or(|last| last > self.last) {
                size -= 1;
            }
            let address =
                if self.v4 { IpAddr::V4(Ipv4Addr::from(first as u32)) } else { IpAddr::V6(Ipv6Addr::from(first)) };
            let bits = if self.v4 { 32 } else { 128 };
            if first == 0 && self.last == u128::MAX {
                out.push(Network { address, prefix: 0 });
                return;
            }
            out.push(Network { address, prefix: bits - size });
            match first.checked_add(1u128 << size) {
                Some(next) if next <= self.last => first = next,
                _ => return,
            }
        }
    }
}

/// One operand of `net.cidr_merge`: an address alone is the network of its old class.
fn mergeable(value: &Value) -> Result<Network> {
    let text = value.as_str().ok_or_else(|| Failure::builtin("element must be string"))?;
    match parse_ip(text) {
        None => Network::parse(text).map(|(_, network)| network).map_err(Failure::builtin),
        Some(address) => {
            let v4 = match address {
                IpAddr::V4(v4) => Some(v4),
                IpAddr::V6(v6) => v6.to_ipv4_mapped(),
            };
            let v4 = v4.ok_or_else(|| Failure::builtin("IPv6 invalid: needs prefix length"))?;
            let prefix = match v4.octets()[0] {
                0..=127 => 8,
                128..=191 => 16,
                _ => 24,
            };
            Ok(Network { address: IpAddr::V4(v4), prefix })
        }
    }
}

fn merge(context: &mut Context<'_>, args: &[Value]) -> Result {
    let items = match want::argument(args, 0) {
        Value::Array(array) => array.items(),
        Value::Set(set) => set.members(),
        _ => return Err(Failure::builtin("operand must be an array")),
    };
    context.meter.steps(items.len() as u64 * 8)?;
    context.meter.memory(items.len() as u64 * 256)?;
    let mut ranges = Vec::with_capacity(items.len());
    for item in items {
        let network = mergeable(item)?;
        let mut range = Range::of(network);
        // The address of an old class is not cleared below its prefix; its range is.
        if let (IpAddr::V4(v4), true) = (network.address, range.v4) {
            range.first = MAPPED | u128::from(u32::from(v4) & mask(32, network.prefix) as u32);
        }
        ranges.push(range);
    }
    ranges.sort_by_key(|a| (a.last, a.first));
    let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
    // From the last to the first, each into the one before where they touch.
    while let Some(range) = ranges.pop() {
        match ranges.last_mut() {
            Some(before) if touches(&range, before) => {
                *before = Range { v4: before.v4, first: before.first.min(range.first), last: range.last, whole: None };
                before.v4 = before.first >> 32 == MAPPED >> 32;
            }
            _ => merged.push(range),
        }
    }
    let mut networks = Vec::new();
    for range in merged.into_iter().rev() {
        range.networks(&mut networks);
    }
    context.meter.memory(networks.len() as u64 * 96)?;
    Ok(Some(Value::set(networks.iter().map(|network| Value::string(network.text())).collect())))
}

fn touches(range: &Range, before: &Range) -> bool {
    let floor = if range.v4 { MAPPED } else { 0 };
    let previous = if range.first == floor { range.first } else { range.first.wrapping_sub(1) };
    previous <= before.last
}

/// Looks a name up where a capability grants the host and somebody gave a [`super::Fetch`].
fn lookup(context: &mut Context<'_>, args: &[Value]) -> Result {
    let name = want::string(args, 0, 1)?;
    let found = http::answer(context, name, want::argument(args, 0), |fetch| {
        let addresses = fetch.lookup(name)?;
        Ok(Value::set(addresses.iter().map(|address| Value::string(address.as_str())).collect()))
    })?;
    found.map(Some).map_err(|why| Failure::fatal(format!("{}: {why}", context.name)))
}
