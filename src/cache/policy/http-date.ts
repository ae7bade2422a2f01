/** HTTP-date in its three forms (RFC 9110 section 5.6.7). */
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const IMF_FIXDATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/;
const RFC_850 = /^[A-Z][a-z]+day, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d):(\d\d):(\d\d) GMT$/;
const ASCTIME = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/;

/** Milliseconds since 1970, NaN for what is no HTTP-date. `now` tells the century of the two-digit form. */
export function parseHttpDate(text: string, now: number): number {
  const fixed = IMF_FIXDATE.exec(text);
  if (fixed) return toTime(Number(fixed[3]), fixed[2]!, fixed[1]!, fixed[4]!, fixed[5]!, fixed[6]!);
  const short = RFC_850.exec(text);
  if (short) return toTime(fullYear(Number(short[3]), now), short[2]!, short[1]!, short[4]!, short[5]!, short[6]!);
  const asc = ASCTIME.exec(text);
  if (asc) return toTime(Number(asc[6]), asc[1]!, asc[2]!, asc[3]!, asc[4]!, asc[5]!);
  return NaN;
}

/** A year that appears to be more than 50 years ahead is the most recent past one with these digits. */
function fullYear(digits: number, now: number): number {
  const year = new Date(now).getUTCFullYear();
  const inCentury = year - (year % 100) + digits;
  return inCentury > year + 50 ? inCentury - 100 : inCentury;
}

function toTime(year: number, month: string, day: string, hour: string, minute: string, second: string): number {
  const index = MONTHS.indexOf(month);
  if (index < 0 || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return NaN;
  const time = Date.UTC(year, index, Number(day), Number(hour), Number(minute), Number(second));
  return new Date(time).getUTCMonth() === index || Number(second) === 60 ? time : NaN;
}
