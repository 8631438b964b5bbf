"""Reckons the lines of schedules.c again with Python's zoneinfo, and dateutil where it is installed.

Prints what differs and exits 1, or exits 0.
"""
import calendar
import re
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import cron

try:
    from dateutil.relativedelta import relativedelta

    def add_months(t, n):
        return t + relativedelta(months=n)
except ImportError:
    def add_months(t, n):
        year, month = divmod(t.year * 12 + t.month - 1 + n, 12)
        if year > 9999:
            raise OverflowError
        return t.replace(year=year, month=month + 1, day=min(t.day, calendar.monthrange(year, month + 1)[1]))

EPOCH = datetime(1970, 1, 1)
END_MS = 253402300799999
MS = timedelta(milliseconds=1)
ALIASES = {
    "PST": "America/Los_Angeles", "BST": "Asia/Dhaka", "EST": "America/New_York", "HST": "Pacific/Honolulu",
    "MST": "America/Denver", "ECT": "CET", "IST": "Asia/Kolkata", "MIT": "Pacific/Apia",
    "VST": "Asia/Ho_Chi_Minh", "MET": "CET", "": "UTC",
    "ACT": "Australia/Darwin", "PRT": "America/Puerto_Rico",
}


def zone(name):
    fixed = re.fullmatch(r"GMT([+-])(\d+)(?::(\d\d))?", name)
    if fixed and name not in ("GMT+0", "GMT-0"):
        east = timedelta(hours=int(fixed[2]), minutes=int(fixed[3] or 0))
        return timezone(east if fixed[1] == "+" else -east)
    return ZoneInfo(ALIASES.get(name, name))


def ms_of(utc):
    return (utc - EPOCH) // MS


def resolve(local, tz):
    """fold=0 is what spec/chronos.md 3.4 asks for: the earlier of two, and a gap shifted forward."""
    return local.replace(tzinfo=tz, fold=0).astimezone(timezone.utc).replace(tzinfo=None)


def offset_s(at_ms, tz):
    utc = (EPOCH + at_ms * MS).replace(tzinfo=timezone.utc)
    return int(utc.astimezone(tz).utcoffset().total_seconds())


START = re.compile(r"R/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})(Z|[+-]\d\d:\d\d|)/P(.*)")
PERIOD = re.compile(r"(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


class Schedule:
    def __init__(self, text, name):
        start, offset, period = START.fullmatch(text).groups()
        years, months, weeks, days, hours, minutes, seconds = (
            float(v) if v else 0 for v in PERIOD.fullmatch(period).groups())
        self.anchor = datetime.fromisoformat(start)
        self.zone = zone(name) if name else datetime.fromisoformat("2000-01-01T00:00:00" + (
            offset if offset not in ("", "Z") else "+00:00")).tzinfo
        self.months = int(years * 12 + months)
        self.days = int(weeks * 7 + days)
        self.ms = int(hours * 3600000 + minutes * 60000) + round(seconds * 1000)
        self.period = "P" + period

    def target(self, k):
        try:
            local = add_months(self.anchor, k * self.months) + timedelta(days=k * self.days)
            at = resolve(local, self.zone) + k * self.ms * MS
            at.replace(tzinfo=timezone.utc).astimezone(self.zone)  # the year must fit there too
            return min(ms_of(at), END_MS)
        except (OverflowError, ValueError):
            return END_MS

    def shown(self, k):
        at = self.target(k)
        if at == END_MS:
            return f"R/9999-12-31T23:59:59.999Z/{self.period}"
        east = offset_s(at, self.zone)
        text = (EPOCH + at * MS + timedelta(seconds=east)).isoformat(timespec="milliseconds")
        sign, rest = "+" if east > 0 else "-", abs(east)
        suffix = f"{sign}{rest // 3600:02}:{rest // 60 % 60:02}" + (f":{rest % 60:02}" if rest % 60 else "")
        return f"R/{text}{suffix if east else 'Z'}/{self.period}"


def judge_offset(name, at_ms, got):
    want = offset_s(int(at_ms), zone(name))
    return None if int(got) == want else want


def judge_local(name, local_ms, got):
    want = ms_of(resolve(EPOCH + int(local_ms) * MS, zone(name)))
    return None if int(got) == want else want


def judge_schedule(text, name, k, target_ms, now_ms, due, shown):
    s, k, now_ms, due = Schedule(text, name), int(k), int(now_ms), int(due)
    if s.target(k) != int(target_ms):
        return f"target {s.target(k)}"
    if s.shown(k) != shown:
        return f"shown {s.shown(k)}"
    if due >= 0 and s.target(due) > now_ms:
        return f"not due: {s.target(due)}"
    if s.target(due + 1) <= min(now_ms, END_MS - 1):
        return f"due too: {s.target(due + 1)}"
    return None


def judge_cron(text, name, from_s, to_s, count, last, first):
    want = cron.targets(text, zone(name), int(from_s), int(to_s))
    got = [int(s) for s in first.split()]
    if len(want) != int(count):
        return f"{len(want)} of them"
    if got != want[:len(got)] or len(got) < min(len(want), 30):
        return f"first {want[:len(got) + 1]}"
    if want and want[-1] != int(last):
        return f"last {want[-1]}"
    return None


JUDGES = {"offset": judge_offset, "local": judge_local, "schedule": judge_schedule, "cron": judge_cron}
ZONE_AT = {"offset": 0, "local": 0, "schedule": 1, "cron": 1}


def main():
    judged = wrong = 0
    of_kind, zones = {}, set()
    for line in sys.stdin:
        kind, *fields = line.rstrip("\n").split("\t")
        want = JUDGES[kind](*fields)
        judged += 1
        of_kind[kind] = of_kind.get(kind, 0) + 1
        zones.add(fields[ZONE_AT[kind]])
        if want is not None:
            wrong += 1
            if wrong <= 10:
                print(f"{line.rstrip()}: want {want}")
    print(f"{judged} cases of {len(zones)} zones, {of_kind}: {wrong} wrong")
    sys.exit(1 if wrong or judged == 0 else 0)


main()
