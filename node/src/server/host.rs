//! Which names a chain without keys may be reached by, and what of a request says that it is not of this machine.
//!
//! A page of another site can have its own name resolve to this machine (DNS rebinding). To the browser its requests are
//! then of the same origin, so they carry no foreign `Origin`; they do carry that name as `Host`.

use http::{HeaderMap, Request, header};
use std::net::IpAddr;

/// Headers that proxies add. One of them says that the request came from another machine than the connection.
const PROXY_HEADERS: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
/// The name of this machine, and the end of names that resolve to it.
const LOCALHOST: &str = "localhost";
const BELOW_LOCALHOST: &str = ".localhost";

/// Names, beside addresses and `localhost`, that a chain without keys may be reached by.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct AllowedHosts(pub Vec<String>);

impl AllowedHosts {
    /// Whether a request to this host may be answered. A request without a host comes from no browser.
    pub fn allow<B>(&self, request: &Request<B>) -> bool {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let named = match (hosts.next(), hosts.next()) {
            (None, _) => None,
            (Some(host), None) => match host.to_str() {
                Ok(host) => Some(host),
                Err(_) => return false,
            },
            (Some(_), Some(_)) => return false,
        };
        let target = request.uri().authority().map(|authority| authority.as_str());
        [named, target].into_iter().flatten().all(|host| self.names(without_port(host)))
    }

    fn names(&self, host: &str) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let lower = host.to_ascii_lowercase();
        address.parse::<IpAddr>().is_ok()
            || lower == LOCALHOST
            || lower.ends_with(BELOW_LOCALHOST)
            || self.0.iter().any(|known| known.eq_ignore_ascii_case(host))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// Whether a proxy has passed the request on.
pub fn is_forwarded(headers: &HeaderMap) -> bool {
    PROXY_HEADERS.iter().any(|name| headers.contains_key(*name))
}

/// Whether no web page sent the request, or a page that this node served itself: its origin is the request's host.
pub fn is_own_page(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
    matches!((origin, host), (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn names_of_other_sites_are_refused() {
        let hosts = AllowedHosts(vec!["realm.internal".into()]);
        for host in [
            "127.0.0.1:9944",
            "[::1]:9944",
            "192.168.1.5",
            "localhost:9944",
            "LOCALHOST",
            "a.localhost:1",
            "Realm.Internal:80",
        ] {
            assert!(hosts.allow(&request("/", &[("host", host)])), "{host}");
        }
        for host in ["evil.example", "evil.example:9944", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
            assert!(!hosts.allow(&request("/", &[("host", host)])), "{host}");
        }
        assert!(hosts.allow(&request("/", &[])));
        assert!(!hosts.allow(&request("/", &[("host", "localhost"), ("host", "evil.example")])));
        assert!(!hosts.allow(&request("http://evil.example/", &[("host", "localhost")])));
    }

    #[test]
    fn what_proxies_add_is_known() {
        for name in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"] {
            assert!(is_forwarded(request("/", &[(name, "10.0.0.1")]).headers()), "{name}");
        }
        assert!(!is_forwarded(request("/", &[("host", "localhost")]).headers()));
    }

    #[test]
    fn only_the_nodes_own_page_is_its_own() {
        let own = |headers: &[(&str, &str)]| is_own_page(request("/", headers).headers());
        assert!(own(&[("host", "localhost:9944")]));
        assert!(own(&[("host", "localhost:9944"), ("origin", "http://localhost:9944")]));
        for origin in ["http://localhost:3000", "http://127.0.0.1:9944", "https://localhost:9944", "null"] {
            assert!(!own(&[("host", "localhost:9944"), ("origin", origin)]), "{origin}");
        }
    }
}
