//! The key that a request carries: taken out of it, so that nothing after this can log it.

use crate::{
    auth::{Auth, SCHEME},
    connection::Connection,
};
use http::{HeaderMap, HeaderValue, Request, header};
use realm_rpc::{ErrorCode, RpcError};

/// The subprotocol that the node speaks.
const PROTOCOL: &str = "realm";
/// What a subprotocol begins with that is a key. Browsers can set no header but this one.
const KEY_PROTOCOL: &str = "realm-key.";
/// The scheme of `Authorization`.
const BEARER: &str = "bearer";
/// Names under which keys are put in queries.
const KEY_NAMES: [&str; 9] =
    ["key", "apikey", "api_key", "api-key", "token", "access_token", "auth", "authorization", "bearer"];

/// Makes the connection who its request's key says, and gives the subprotocol to answer.
///
/// # Errors
/// The key is not valid, or is not where it may be.
pub fn take<B>(
    auth: &Auth,
    connection: &Connection,
    request: &mut Request<B>,
) -> Result<Option<HeaderValue>, RpcError> {
    if request.uri().query().is_some_and(holds_key) {
        // Not even at the level `trace` is the query written anywhere.
        return Err(refused(
            "keys are not taken from a query, because queries end up in logs: send `Authorization: Bearer KEY`, or call realm_authenticate; revoke this one if it is real",
        ));
    }
    let bearer = bearer(request.headers(), auth.needs_keys)?;
    let protocols = Protocols::read(request.headers())?;
    let headers = request.headers_mut();
    headers.remove(header::AUTHORIZATION);
    headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
    let shown = match (bearer, protocols.key) {
        (Some(_), Some(_)) => {
            return Err(refused("two keys were shown, as Authorization and as a subprotocol; show one"));
        }
        (bearer, key) => bearer.or(key),
    };
    if let Some(shown) = shown {
        let proof = auth.prove(&shown, None, connection.remote().ip())?;
        connection.authenticate(proof)?;
    }
    Ok(protocols.speaks_ours.then(|| HeaderValue::from_static(PROTOCOL)))
}

/// The key in `Authorization`. Where no key is needed, only what looks like one of ours counts: many
/// programs for OpenAI's API do not start without some word to send, and proxies have words of their own.
fn bearer(headers: &HeaderMap, needed: bool) -> Result<Option<String>, RpcError> {
    let values = headers.get_all(header::AUTHORIZATION);
    let ours = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains(SCHEME));
    if !needed && !values.iter().any(ours) {
        return Ok(None);
    }
    let mut values = values.iter();
    let (Some(value), more) = (values.next(), values.next()) else { return Ok(None) };
    let key = value.to_str().ok().and_then(|value| value.trim().split_once(' '));
    match key {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case(BEARER) && more.is_none() => Ok(Some(key.trim().to_owned())),
        _ => Err(RpcError::new(ErrorCode::Unauthenticated, "Authorization: expected `Bearer KEY`, once")),
    }
}

/// What a WebSocket's client offers to speak.
#[derive(Default)]
struct Protocols {
    speaks_ours: bool,
    key: Option<String>,
}

impl Protocols {
    fn read(headers: &HeaderMap) -> Result<Self, RpcError> {
        let mut read = Self::default();
        let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
        let offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        for offer in offered.map(str::trim) {
            match offer.strip_prefix(KEY_PROTOCOL) {
                Some(_) if read.key.is_some() => {
                    return Err(refused("two keys were offered as subprotocols; offer one"));
                }
                Some(key) => read.key = Some(key.to_owned()),
                None => read.speaks_ours |= offer == PROTOCOL,
            }
        }
        match read.key.is_some() && !read.speaks_ours {
            true => Err(refused(
                "offer the subprotocol `realm` beside `realm-key.KEY`: the node answers it and never the key",
            )),
            false => Ok(read),
        }
    }
}

/// Whether a query holds a key, or what is meant as one.
fn holds_key(query: &str) -> bool {
    query.split('&').any(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let named = KEY_NAMES.iter().any(|known| name.eq_ignore_ascii_case(known));
        (named && !value.is_empty()) || name.contains(SCHEME) || value.contains(SCHEME)
    })
}

fn refused(why: &str) -> RpcError {
    RpcError::new(ErrorCode::InvalidParams, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_that_hold_keys_are_known() {
        for query in ["api_key=x", "a=b&TOKEN=x", "q=realm_1f0c93ab77e2_00", "realm_1f0c93ab77e2_00"] {
            assert!(holds_key(query), "{query}");
        }
        for query in ["", "key=", "verbose=1&keys=all", "monkey=x"] {
            assert!(!holds_key(query), "{query}");
        }
    }

    fn offered(values: &[&str]) -> Result<(bool, Option<String>), RpcError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::SEC_WEBSOCKET_PROTOCOL, value.parse().unwrap());
        }
        Protocols::read(&headers).map(|read| (read.speaks_ours, read.key))
    }

    #[test]
    fn subprotocols_are_read_in_any_form() {
        assert_eq!(offered(&[]), Ok((false, None)));
        assert_eq!(offered(&["realm"]), Ok((true, None)));
        assert_eq!(offered(&["graphql-ws"]), Ok((false, None)));
        assert_eq!(offered(&["realm, realm-key.abc"]), Ok((true, Some("abc".into()))));
        assert_eq!(offered(&["realm-key.abc", "realm"]), Ok((true, Some("abc".into()))));
        assert!(offered(&["realm-key.abc"]).is_err());
        assert!(offered(&["realm, realm-key.abc, realm-key.def"]).is_err());
    }
}
