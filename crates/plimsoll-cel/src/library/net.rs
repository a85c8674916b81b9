//! IP addresses and networks, as Go's `net/netip` reads them, without zones and without IPv4 within IPv6.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Row, cost, go_text::quoted, opaque::Opaque, priced, row};
use crate::budget::{Out, error};
use crate::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ip(IpAddr);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

impl Ip {
    pub(super) fn size(self) -> u64 {
        if self.0.is_ipv4() { 4 } else { 16 }
    }
}

impl Cidr {
    pub(super) fn size(self) -> u64 {
        u64::from(self.bits).div_ceil(8)
    }

    fn masked(self) -> Cidr {
        let address = match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask))
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
            }
        };
        Cidr { address, bits: self.bits }
    }

    fn has(self, other: IpAddr) -> bool {
        self.address.is_ipv4() == other.is_ipv4() && Cidr { address: other, bits: self.bits }.masked() == self.masked()
    }
}

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

fn mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some())
}

fn parse_ip(text: &str) -> Result<Ip, String> {
    if let Some((address, zone)) = text.split_once('%')
        && !zone.is_empty()
        && address.parse::<Ipv6Addr>().is_ok()
    {
        return Err(format!("IP address {} with zone value is not allowed", quoted(text)));
    }
    let address: IpAddr = text.parse().map_err(|_| {
        format!(
            "IP Address {0} parse error during conversion from string: ParseAddr({0}): {1}",
            quoted(text),
            fault(text)
        )
    })?;
    if mapped(address) {
        return Err(format!("IPv4-mapped IPv6 address {} is not allowed", quoted(text)));
    }
    Ok(Ip(address))
}

/// Go's words for the commonest faults.
fn fault(text: &str) -> &'static str {
    if !text.contains(['.', ':']) {
        return "unable to parse IP";
    }
    if text.contains(':') {
        return "not an address";
    }
    for octet in text.split('.') {
        match octet.parse::<u32>() {
            _ if octet.len() > 1 && octet.starts_with('0') => return "IPv4 field has octet with leading zero",
            Ok(number) if number > 255 => return "IPv4 field has value >255",
            Ok(_) => {}
            Err(_) => return "unexpected character",
        }
    }
    if text.split('.').count() > 4 { "IPv4 address too long" } else { "IPv4 address too short" }
}

fn parse_cidr(text: &str) -> Result<Cidr, String> {
    let wrong = |why: &str| {
        format!("network address parse error during conversion from string: netip.ParsePrefix({}): {why}", quoted(text))
    };
    let (address, bits) = text.rsplit_once('/').ok_or_else(|| wrong("no '/'"))?;
    let address: IpAddr = address.parse().map_err(|_| wrong("not an address"))?;
    let canonical = bits == "0" || bits.starts_with(|first: char| ('1'..='9').contains(&first));
    let bits: u8 = bits
        .parse()
        .ok()
        .filter(|_| canonical)
        .ok_or_else(|| wrong(&format!("bad bits after slash: {}", quoted(bits))))?;
    if bits > if address.is_ipv4() { 32 } else { 128 } {
        return Err(wrong("prefix length out of range"));
    }
    if mapped(address) {
        return Err(format!("IPv4-mapped IPv6 address {} is not allowed", quoted(text)));
    }
    Ok(Cidr { address, bits })
}

fn text(args: &[Value], at: usize) -> Out<&str> {
    args.get(at).and_then(Value::as_str).ok_or_else(super::no_such_overload)
}

fn ip_of(args: &[Value], at: usize) -> Out<Ip> {
    match args.get(at) {
        Some(Value::String(text)) if at == 0 => parse_ip(text).or_else(error),
        // As there: what is no address is no argument.
        Some(Value::String(text)) => parse_ip(text).map_err(|_| super::no_such_overload()),
        Some(Value::Opaque(opaque)) => match &**opaque {
            Opaque::Ip(ip) => Ok(*ip),
            _ => Err(super::no_such_overload()),
        },
        _ => Err(super::no_such_overload()),
    }
}

fn cidr_of(args: &[Value], at: usize) -> Out<Cidr> {
    match args.get(at) {
        Some(Value::String(text)) if at == 0 => parse_cidr(text)
            .or_else(|message| error(format!("network address parse error during conversion from string: {message}"))),
        Some(Value::String(text)) => parse_cidr(text).map_err(|_| super::no_such_overload()),
        Some(Value::Opaque(opaque)) => match &**opaque {
            Opaque::Cidr(cidr) => Ok(*cidr),
            _ => Err(super::no_such_overload()),
        },
        _ => Err(super::no_such_overload()),
    }
}

fn ip_value(ip: IpAddr) -> Value {
    Value::opaque(Opaque::Ip(Ip(ip)))
}

fn test(args: &[Value], of: fn(IpAddr) -> bool) -> Out {
    Ok(Value::Bool(of(ip_of(args, 0)?.0)))
}

fn link_local_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => matches!(v4.octets(), [224, 0, 0, _]),
        IpAddr::V6(v6) => v6.segments().first().is_some_and(|first| first & 0xff0f == 0xff02),
    }
}

fn link_local_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.segments().first().is_some_and(|first| first & 0xffc0 == 0xfe80),
    }
}

fn global_unicast(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    !(broadcast || ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || link_local_unicast(ip))
}

fn in_cidr(args: &[Value], _: &Value) -> u64 {
    let size = |at: usize| args.get(at).map_or(1, cost::size);
    let parse = if matches!(args.get(1), Some(Value::String(_))) { cost::tenth(size(1)) } else { 0 };
    cost::tenth(2 * size(0)) + parse
}

fn cidr_in_cidr(args: &[Value], result: &Value) -> u64 {
    in_cidr(args, result) + cost::tenth(args.first().map_or(1, cost::size)) + 1
}

pub(super) const ROWS: &[Row] = &[
    priced("ip(string) -> ip", cost::pass, |_, args| Ok(ip_value(ip_of(args, 0)?.0))),
    priced("isIP(string) -> bool", cost::pass, |_, args| Ok(Value::Bool(parse_ip(text(args, 0)?).is_ok()))),
    priced("ip_.isCanonical(string) -> bool", cost::two_passes, |_, args| {
        let text = text(args, 0)?;
        let ip = parse_ip(text).or_else(error)?;
        Ok(Value::Bool(ip.to_string() == text))
    }),
    row("string(ip) -> string", |_, args| Ok(Value::string(ip_of(args, 0)?.to_string()))),
    row("ip.family() -> int", |_, args| Ok(Value::Int(if ip_of(args, 0)?.0.is_ipv4() { 4 } else { 6 }))),
    row("ip.isUnspecified() -> bool", |_, args| test(args, |ip| ip.is_unspecified())),
    row("ip.isLoopback() -> bool", |_, args| test(args, |ip| ip.is_loopback())),
    row("ip.isLinkLocalMulticast() -> bool", |_, args| test(args, link_local_multicast)),
    row("ip.isLinkLocalUnicast() -> bool", |_, args| test(args, link_local_unicast)),
    row("ip.isGlobalUnicast() -> bool", |_, args| test(args, global_unicast)),
    priced("cidr(string) -> cidr", cost::pass, |_, args| Ok(Value::opaque(Opaque::Cidr(cidr_of(args, 0)?)))),
    priced("isCIDR(string) -> bool", cost::pass, |_, args| Ok(Value::Bool(parse_cidr(text(args, 0)?).is_ok()))),
    row("string(cidr) -> string", |_, args| Ok(Value::string(cidr_of(args, 0)?.to_string()))),
    priced("cidr.containsIP(string) -> bool", in_cidr, |_, args| {
        Ok(Value::Bool(cidr_of(args, 0)?.has(ip_of(args, 1)?.0)))
    }),
    priced("cidr.containsIP(ip) -> bool", in_cidr, |_, args| Ok(Value::Bool(cidr_of(args, 0)?.has(ip_of(args, 1)?.0)))),
    priced("cidr.containsCIDR(string) -> bool", cidr_in_cidr, contains_cidr),
    priced("cidr.containsCIDR(cidr) -> bool", cidr_in_cidr, contains_cidr),
    row("cidr.ip() -> ip", |_, args| Ok(ip_value(cidr_of(args, 0)?.address))),
    row("cidr.masked() -> cidr", |_, args| Ok(Value::opaque(Opaque::Cidr(cidr_of(args, 0)?.masked())))),
    row("cidr.prefixLength() -> int", |_, args| Ok(Value::Int(i64::from(cidr_of(args, 0)?.bits)))),
];

fn contains_cidr(_: &mut crate::budget::Meter<'_>, args: &[Value]) -> Out {
    let (outer, inner) = (cidr_of(args, 0)?, cidr_of(args, 1)?);
    Ok(Value::Bool(outer.bits <= inner.bits && outer.has(inner.address)))
}
