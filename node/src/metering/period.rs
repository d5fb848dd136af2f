//! Hours, days and months, all in UTC. Usage is counted by the hour; longer periods are sums of hours.

use std::fmt;
use time::{
    Date, OffsetDateTime,
    format_description::well_known::{Iso8601, Rfc3339},
};

const HOUR_SECONDS: i64 = 3600;

/// An hour: full hours since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Hour(pub u32);

/// What usage is summed up over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Period {
    /// Nothing is summed up.
    Hour,
    /// From midnight to midnight.
    Day,
    /// A calendar month.
    Month,
}

impl Period {
    /// All, by name.
    pub const ALL: [(&str, Self); 3] = [("hour", Self::Hour), ("day", Self::Day), ("month", Self::Month)];

    /// By name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, period)| period)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

impl Hour {
    /// The hour of a moment in seconds since 1970; the first or last that can be told, where it is outside of these.
    pub fn of_unix(seconds: i64) -> Self {
        Self(u32::try_from(seconds.div_euclid(HOUR_SECONDS).max(0)).unwrap_or(u32::MAX))
    }

    fn of(moment: OffsetDateTime) -> Self {
        Self::of_unix(moment.unix_timestamp())
    }

    /// The first hour at or after a moment, given as `2026-11-26` or `2026-11-26T12:00:00Z`.
    pub fn not_before(text: &str) -> Option<Self> {
        // A date is all that is read of a longer text, if it is read as one.
        let moment = match text.contains('T') {
            false => Date::parse(text, &Iso8601::DATE).ok()?.midnight().assume_utc(),
            true => OffsetDateTime::parse(text, &Rfc3339).ok()?,
        };
        let hour = Self::of(moment);
        let begins = i64::from(hour.0) * HOUR_SECONDS;
        let late = moment.unix_timestamp() > begins || moment.nanosecond() > 0;
        Some(if late { hour.next() } else { hour })
    }

    /// The one after.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The first hour of the period that this one is in.
    pub fn begin_of(self, period: Period) -> Self {
        let moment = self.moment();
        match period {
            Period::Hour => self,
            Period::Day => Self::of(moment.date().midnight().assume_utc()),
            Period::Month => {
                let first = moment.date().replace_day(1).unwrap_or(moment.date());
                Self::of(first.midnight().assume_utc())
            }
        }
    }

    fn moment(self) -> OffsetDateTime {
        // An hour in 32 bits is before the year 492000; the crate's calendar ends with 9999.
        OffsetDateTime::from_unix_timestamp(i64::from(self.0) * HOUR_SECONDS)
            .unwrap_or(time::PrimitiveDateTime::MAX.assume_utc())
    }
}

/// `2026-11-26T12:00:00Z`, its beginning.
impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.moment();
        let (year, month, day) = moment.to_calendar_date();
        write!(f, "{year:04}-{:02}-{day:02}T{:02}:00:00Z", u8::from(month), moment.hour())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_rounded_up_and_told_back() {
        let check = |text: &str, expected: &str| {
            let hour = Hour::not_before(text).map(|hour| hour.to_string());
            assert_eq!(hour.as_deref(), Some(expected), "{text}");
        };
        check("2026-11-26", "2026-11-26T00:00:00Z");
        check("2026-11-26T12:00:00Z", "2026-11-26T12:00:00Z");
        check("2026-11-26T12:00:00.5Z", "2026-11-26T13:00:00Z");
        check("2026-11-26T12:34:56+02:00", "2026-11-26T11:00:00Z");
        check("1960-01-01", "1970-01-01T00:00:00Z");
        for wrong in ["", "today", "2026-13-01", "2026-11-26 12", "12"] {
            assert_eq!(Hour::not_before(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn periods_begin_where_the_calendar_says() {
        let hour = Hour::not_before("2028-02-29T23:00:00Z").unwrap();
        let begins = [Period::Hour, Period::Day, Period::Month].map(|period| hour.begin_of(period).to_string());
        assert_eq!(begins, ["2028-02-29T23:00:00Z", "2028-02-29T00:00:00Z", "2028-02-01T00:00:00Z"]);
        assert_eq!(hour.next().begin_of(Period::Month).to_string(), "2028-03-01T00:00:00Z");
        // Never a panic, whatever a row's key says.
        let _ = Hour(u32::MAX).begin_of(Period::Month).to_string();
    }
}
