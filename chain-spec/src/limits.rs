//! What one tenant may hold and use: every bound of it by name, with its default and its range.

use crate::{SpecError, reader::Field};
use serde_json::{Map, Value, json};

/// The highest cap there is, in nano-dollars: every JSON client holds it exactly.
const SPEND_MAX: u64 = 9_000_000_000_000_000;

/// Reads an integer of the field's own type.
trait Bound: Copy + Into<u64> {
    fn read(field: Field<'_>, min: Self, max: Self) -> Result<Self, SpecError>;
}

impl Bound for u32 {
    fn read(field: Field<'_>, min: Self, max: Self) -> Result<Self, SpecError> {
        field.integer32(min, max)
    }
}

impl Bound for u64 {
    fn read(field: Field<'_>, min: Self, max: Self) -> Result<Self, SpecError> {
        field.integer(min, max)
    }
}

/// Declares the bounds once: the struct, its defaults, reading and writing. A default may name a bound above it.
macro_rules! tenant_limits {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $default:expr, $min:expr => $max:expr;)*) => {
        /// What one tenant may hold or use. No tenant feels another's bounds.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct TenantLimits {
            $($(#[$doc])* pub $name: $kind,)*
        }

        impl Default for TenantLimits {
            fn default() -> Self {
                $(let $name: $kind = $default;)*
                Self { $($name,)* }
            }
        }

        impl TenantLimits {
            pub(crate) fn read(field: Field<'_>) -> Result<Self, SpecError> {
                let object = field.object(&[$(stringify!($name),)*])?;
                $(let $name = object.or(stringify!($name), $default, |field| <$kind>::read(field, $min, $max))?;)*
                Ok(Self { $($name,)* })
            }

            pub(crate) fn to_value(self) -> Value {
                let mut fields = Map::new();
                $(fields.insert(stringify!($name).into(), json!(self.$name));)*
                Value::Object(fields)
            }
        }
    };
}

tenant_limits! {
    /// Calls that run at once. Default 16.
    concurrent_calls_max: u32 = 16, 1 => 10_000;
    /// Calls that wait for one of those places. Default 64.
    queue_len_max: u32 = 64, 0 => 100_000;
    /// Calls that may begin in a minute, on average. Default 6 000 000.
    requests_per_minute: u32 = 6_000_000, 1 => 1_000_000_000;
    /// Calls that may begin at once after a pause. Default: a minute's.
    requests_burst: u32 = requests_per_minute, 1 => 1_000_000_000;
    /// Tokens that may be computed in a minute, on average: of prompts as far as they were not in the cache, of texts to
    /// embed, and generated ones. Default 1 000 000 000.
    tokens_per_minute: u32 = 1_000_000_000, 1 => 1_000_000_000;
    /// Tokens that may be computed at once after a pause. Default: a minute's.
    tokens_burst: u32 = tokens_per_minute, 1 => 1_000_000_000;
    /// Tokens of the prompts of one call, those from the cache included. Default 131072.
    prompt_tokens_max: u32 = 131_072, 1 => 1 << 24;
    /// Tokens that one call may generate. Default 4096.
    max_tokens: u32 = 4096, 1 => 1 << 24;
    /// Milliseconds that one call may take, queueing included. Default 600000.
    deadline_ms_max: u64 = 600_000, 1 => 86_400_000;
    /// Milliseconds of processor time of one call: the guest and the host functions it calls, without the forward
    /// passes. Default 30000.
    guest_cpu_ms_max: u64 = 30_000, 1 => 86_400_000;
    /// Bytes of a call's linear memory. Default and most 64 MiB, because the node reserves that much for each sandbox.
    guest_memory_bytes_max: u64 = 64 << 20, 1 << 20 => 64 << 20;
    /// Bytes of native memory of all its calls, its connections and its kept streams together: what the node holds for
    /// them outside of their linear memory. Default 1 GiB.
    native_bytes_max: u64 = 1 << 30, 1 << 20 => 1 << 50;
    /// Bytes of durable storage, with 96 for each key. Default 64 MiB.
    storage_bytes_max: u64 = 64 << 20, 0 => 1 << 50;
    /// Bytes of each model's KV cache that the tenant's sequences and kept prefixes may take; what it needs beyond that
    /// is taken from its own. Default 1 PiB: as much as the node has.
    kv_bytes_max: u64 = 1 << 50, 1 => 1 << 50;
    /// Sessions that all its calls together hold open in each model. Default 128.
    sessions_max: u32 = 128, 1 => 100_000;
    /// Nano-dollars that its calls may cost from midnight to midnight (UTC); one is refused if it could cost more than
    /// what is left beside those that run. Default nine million dollars.
    spend_nano_usd_per_day_max: u64 = SPEND_MAX, 0 => SPEND_MAX;
    /// The same for a calendar month. Default nine million dollars.
    spend_nano_usd_per_month_max: u64 = SPEND_MAX, 0 => SPEND_MAX;
}
