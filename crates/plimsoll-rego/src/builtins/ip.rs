//! Addresses and networks as Go's `net` and `net/netip` read and write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::go_text::quote_text;

fn parse_v4(text: &str) -> Result<Ipv4Addr, &'static str> {
    let mut octets = [0u8; 4];
    let mut field = 0;
    let mut value: u32 = 0;
    let mut digits = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => {
                if digits == 1 && value == 0 {
                    return Err("IPv4 field has octet with leading zero");
                }
                value = value * 10 + u32::from(byte - b'0');
                digits += 1;
                if value > 255 {
                    return Err("IPv4 field has value >255");
                }
            }
            b'.' => {
                if at == 0 || at == text.len() - 1 || digits == 0 {
                    return Err("IPv4 field must have at least one digit");
                }
                if field == 3 {
                    return Err("IPv4 address too long");
                }
                octets[field] = value as u8;
                field += 1;
                value = 0;
                digits = 0;
            }
            _ => return Err("unexpected character"),
        }
    }
    if field < 3 {
        return Err("IPv4 address too short");
    }
    octets[3] = value as u8;
    Ok(Ipv4Addr::from(octets))
}

/// An address without a zone, as `net.ParseIP` reads it.
pub(super) fn parse_ip(text: &str) -> Option<IpAddr> {
    for byte in text.bytes() {
        match byte {
            b'.' => return parse_v4(text).ok().map(IpAddr::V4),
            b':' => return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => {}
        }
    }
    None
}

/// `netip.ParseAddr`, with its words; the zone is checked and dropped.
pub(super) fn parse_address(text: &str) -> Result<IpAddr, String> {
    let told = |message: &str| format!("ParseAddr({}): {message}", quote_text(text));
    for byte in text.bytes() {
        match byte {
            b'.' => return parse_v4(text).map(IpAddr::V4).map_err(told),
            b':' => {
                let (address, zone) = match text.split_once('%') {
                    Some((address, zone)) => (address, Some(zone)),
                    None => (text, None),
                };
                if zone == Some("") {
                    return Err(told("zone must be a non-empty string"));
                }
                return address
                    .parse::<Ipv6Addr>()
                    .map(IpAddr::V6)
                    .map_err(|_| told("unexpected character, want colon"));
            }
            b'%' => return Err(told("missing IPv6 address")),
            _ => {}
        }
    }
    Err(told("unable to parse IP"))
}

/// A network: its first address, cleared below the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    pub address: IpAddr,
    pub prefix: u32,
}

pub(super) fn mask(bits: u32, prefix: u32) -> u128 {
    let ones = if prefix == 0 { 0 } else { u128::MAX << (128 - prefix) };
    ones >> (128 - bits)
}

impl Network {
    /// `net.ParseCIDR`: the address as written and the network.
    pub(super) fn parse(text: &str) -> Result<(IpAddr, Network), String> {
        let wrong = || format!("invalid CIDR address: {text}");
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        // An address with a zone is none here.
        let address = parse_ip(address).ok_or_else(wrong)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let prefix = prefix.trim_start_matches('0');
        let prefix: u32 = if prefix.is_empty() { 0 } else { prefix.parse().map_err(|_| wrong())? };
        if prefix > bits {
            return Err(wrong());
        }
        let network = match address {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask(32, prefix) as u32)),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask(128, prefix))),
        };
        Ok((address, Network { address: network, prefix }))
    }

    pub(super) fn bits(&self) -> u32 {
        if self.address.is_ipv4() { 32 } else { 128 }
    }

    /// Whether Go takes its first address for IPv4, though written as IPv6.
    fn is_mapped(&self) -> bool {
        matches!(self.address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some())
    }

    pub(super) fn is_plain_v6(&self) -> bool {
        self.address.is_ipv6() && !self.is_mapped()
    }

    /// `IPNet.Contains`: both sides are made IPv4 where they can be; a mask of 16 bytes then loses its first 12.
    pub(super) fn contains(&self, other: IpAddr) -> bool {
        let mapped = |address: IpAddr| match address {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
            v4 => v4,
        };
        match (mapped(self.address), mapped(other)) {
            (IpAddr::V4(net), IpAddr::V4(address)) => {
                let mask =
                    if self.address.is_ipv4() { mask(32, self.prefix) as u32 } else { mask(128, self.prefix) as u32 };
                u32::from(net) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(net), IpAddr::V6(address)) => {
                let mask = mask(128, self.prefix);
                u128::from(net) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }

    pub(super) fn last(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from(u32::from(v4) | !(mask(32, self.prefix) as u32))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) | !mask(128, self.prefix))),
        }
    }

    pub(super) fn text(&self) -> String {
        format!("{}/{}", ip_text(self.address), self.prefix)
    }
}

/// `net.IP.String`: IPv4 also for addresses that are mapped into IPv6.
pub(super) fn ip_text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => v6.to_string(),
        },
    }
}
