//! Which web pages may use the node. A browser lets any page open a WebSocket to this machine, and
//! says in the `Origin` header whose page it is; programs send no such header. Without this check,
//! any page that somebody looks at could call a node that trusts its own machine.

use http::{HeaderMap, Uri, header};

/// Pages beside those of this machine that may use the node.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum AllowedOrigins {
    /// None: only pages that were loaded from this machine.
    #[default]
    Local,
    /// These too, each as a browser writes it: `https://example.org`.
    Listed(Vec<String>),
    /// All.
    Any,
}

impl AllowedOrigins {
    /// Whether a request with these headers may be answered.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let (first, more) = (origins.next(), origins.next());
        match (self, first) {
            (AllowedOrigins::Any, _) | (_, None) => true,
            (_, Some(_)) if more.is_some() => false,
            (listed, Some(origin)) => origin.to_str().is_ok_and(|origin| is_local(origin) || listed.names(origin)),
        }
    }

    fn names(&self, origin: &str) -> bool {
        matches!(self, AllowedOrigins::Listed(listed) if listed.iter().any(|known| known.eq_ignore_ascii_case(origin)))
    }
}

/// A page of this machine: its host is a loopback address, or the name that stands for one.
fn is_local(origin: &str) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let Some(host) = uri.host() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allowed: &AllowedOrigins, origins: &[&str], expected: bool) {
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(header::ORIGIN, origin.parse().unwrap());
        }
        assert_eq!(allowed.allow(&headers), expected, "{allowed:?} {origins:?}");
    }

    #[test]
    fn pages_of_this_machine_and_programs_may() {
        let local = AllowedOrigins::Local;
        check(&local, &[], true);
        check(&local, &["http://localhost:3000"], true);
        check(&local, &["http://127.0.0.1:9944"], true);
        check(&local, &["http://[::1]:9944"], true);
        check(&local, &["https://evil.example"], false);
        check(&local, &["http://localhost.evil.example"], false);
        check(&local, &["http://127.0.0.1.evil.example"], false);
        check(&local, &["null"], false);
        check(&local, &["http://localhost", "https://evil.example"], false);
    }

    #[test]
    fn others_must_be_named() {
        let listed = AllowedOrigins::Listed(vec!["https://apps.example".into()]);
        check(&listed, &["https://apps.example"], true);
        check(&listed, &["https://APPS.example"], true);
        check(&listed, &["http://apps.example"], false);
        check(&listed, &["http://localhost"], true);
        check(&AllowedOrigins::Any, &["https://evil.example"], true);
    }
}
