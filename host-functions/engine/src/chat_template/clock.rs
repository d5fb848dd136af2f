//! `strftime_now` for templates that tell the model today's date. Times are UTC.

use std::time::SystemTime;

const SECONDS_PER_DAY: u64 = 86_400;
const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A moment as a calendar shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    days_since_1970: u64,
    second_of_day: u64,
    year: u64,
    /// 1 to 12.
    month: usize,
    /// 1 to 31.
    day: u64,
}

impl Moment {
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self::at(since.map_or(0, |since| since.as_secs()))
    }

    /// The moment that many seconds after the beginning of 1970.
    pub fn at(seconds: u64) -> Self {
        let days = seconds / SECONDS_PER_DAY;
        let (mut year, mut left) = (1970, days);
        while left >= year_days(year) {
            left -= year_days(year);
            year += 1;
        }
        let mut month = 1;
        while left >= month_days(year, month) {
            left -= month_days(year, month);
            month += 1;
        }
        Self { days_since_1970: days, second_of_day: seconds % SECONDS_PER_DAY, year, month, day: left + 1 }
    }

    /// Formats as C's strftime does, with the directives that templates use; `Err` names another one.
    pub fn format(&self, pattern: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let directive = chars.next().unwrap_or('%');
            // `%-d`: without the leading zero.
            let (bare, directive) =
                if directive == '-' { (true, chars.next().unwrap_or('%')) } else { (false, directive) };
            let text = self.directive(directive).ok_or_else(|| format!("%{directive}"))?;
            out.push_str(if bare && text.len() > 1 { text.trim_start_matches('0') } else { &text });
        }
        Ok(out)
    }

    fn directive(&self, directive: char) -> Option<String> {
        let (hour, minute, second) =
            (self.second_of_day / 3_600, self.second_of_day / 60 % 60, self.second_of_day % 60);
        let weekday = DAYS.get((self.days_since_1970 % 7) as usize)?;
        let month = MONTHS.get(self.month - 1)?;
        let day_of_year = self.day + (1..self.month).map(|month| month_days(self.year, month)).sum::<u64>();
        Some(match directive {
            'Y' => format!("{:04}", self.year),
            'y' => format!("{:02}", self.year % 100),
            'm' => format!("{:02}", self.month),
            'd' => format!("{:02}", self.day),
            'e' => format!("{:2}", self.day),
            'j' => format!("{day_of_year:03}"),
            'B' => (*month).to_owned(),
            'b' | 'h' => month.get(..3)?.to_owned(),
            'A' => (*weekday).to_owned(),
            'a' => weekday.get(..3)?.to_owned(),
            'H' => format!("{hour:02}"),
            'I' => format!("{:02}", (hour + 11) % 12 + 1),
            'M' => format!("{minute:02}"),
            'S' => format!("{second:02}"),
            'p' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            'F' => self.format("%Y-%m-%d").ok()?,
            'T' => self.format("%H:%M:%S").ok()?,
            'Z' => "UTC".to_owned(),
            'z' => "+0000".to_owned(),
            '%' => "%".to_owned(),
            _ => return None,
        })
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn year_days(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn month_days(year: u64, month: usize) -> u64 {
    match month {
        2 => {
            if is_leap(year) {
                29
            } else {
                28
            }
        }
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn formats_as_strftime() {
        let check = |seconds: u64, pattern: &str, expected: &str| {
            assert_eq!(Moment::at(seconds).format(pattern).as_deref(), Ok(expected))
        };
        check(0, "%Y-%m-%d %H:%M:%S %A %j %p %I", "1970-01-01 00:00:00 Thursday 001 AM 12");
        check(951_827_696, "%d %b %Y %a %-d %e", "29 Feb 2000 Tue 29 29");
        check(1_709_251_199, "%B %-d, %Y at %-I:%M %p", "February 29, 2024 at 11:59 PM");
        check(4_102_444_800, "%F %T %y %j 100%%", "2100-01-01 00:00:00 00 001 100%");
        assert_eq!(Moment::at(0).format("%d %Q"), Err("%Q".to_owned()));
    }
}
