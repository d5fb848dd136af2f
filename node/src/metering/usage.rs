//! What was used: the figures of a call, an hour, a month; they only ever add up.

/// Declares the figures once: the struct, and its row in the database, which grows at its end only.
macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        /// What was used.
        #[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
        pub struct Usage { $($(#[$doc])* pub $name: u64,)* }

        impl Usage {
            /// As a row of counters.
            pub(super) fn to_row(self) -> Vec<u64> {
                vec![$(self.$name,)*]
            }

            /// Of a row of counters. Figures that a row of an earlier version lacks are 0.
            pub(super) fn from_row(row: &[u64]) -> Self {
                let mut numbers = row.iter().copied();
                Self { $($name: numbers.next().unwrap_or(0),)* }
            }

            /// Adds another's figures.
            pub fn add(&mut self, other: &Self) {
                $(self.$name = self.$name.saturating_add(other.$name);)*
            }
        }
    };
}

figures! {
    /// Calls that had a place, however they ended, and what upgrades ran: trial calls and migrations.
    calls;
    /// Of these, calls that ended with an error.
    failed;
    /// Calls that their caller gave up, or that were cut short when the node stopped.
    cancelled;
    /// Calls that a node was at when it died. Nothing is charged for them.
    interrupted;
    /// Tokens of prompts and embedded texts that were computed.
    computed_prompt_tokens;
    /// Tokens of prompts that were found in the cache.
    cached_tokens;
    /// Tokens that were generated.
    generated_tokens;
    /// Nanoseconds of processor time: the guests and the host functions that they called.
    cpu_ns;
    /// Nanoseconds from getting a place to the end.
    wall_ns;
    /// What is charged, in billionths of a dollar.
    nano_usd;
    /// Tokens that a model computed: those of prompts, and generated ones that were given to a session.
    computed_tokens;
}

impl Usage {
    /// Tokens of prompts, computed or cached.
    pub fn prompt_tokens(&self) -> u64 {
        self.computed_prompt_tokens.saturating_add(self.cached_tokens)
    }

    /// Whether nothing is charged for it.
    pub fn is_free(&self) -> bool {
        self.nano_usd == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written_also_a_shorter_one() {
        let mut usage = Usage { calls: 1, interrupted: 4, nano_usd: u64::MAX, ..Usage::default() };
        assert_eq!(Usage::from_row(&usage.to_row()), usage);
        assert_eq!(Usage::from_row(&[7, 8]), Usage { calls: 7, failed: 8, ..Usage::default() });
        usage.add(&Usage { calls: 2, nano_usd: 1, ..Usage::default() });
        assert_eq!((usage.calls, usage.nano_usd), (3, u64::MAX));
    }
}
