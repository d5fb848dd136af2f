//! The network that an address stands for where clients are counted by address.

use std::net::{IpAddr, Ipv6Addr};

/// Returns the address itself for IPv4, and the /64 for IPv6: a client that has one IPv6 address has the whole /64.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}
