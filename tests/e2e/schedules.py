"""The targets of a job's schedule, as spec/chronos.md 3.1 to 3.4 has them: another implementation than the
product's, for the judge of what ran. Pure; times are ms since the epoch."""
import bisect
import datetime
import re
import zoneinfo

EPOCH = datetime.datetime(1970, 1, 1)
LAST = 253402300799999  # 9999-12-31T23:59:59.999Z
PERIOD = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?"
                    r"(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,3}))?S)?)?")


def ms_of(moment):
    return (moment - EPOCH) // datetime.timedelta(milliseconds=1)


def period_of(text):
    """(months, days, ms)"""
    years, months, weeks, days, hours, minutes, seconds, fraction = PERIOD.fullmatch(text).groups()

    def n(x):
        return int(x or 0)
    ms = ((n(hours) * 60 + n(minutes)) * 60 + n(seconds)) * 1000 + n((fraction or "").ljust(3, "0"))
    return n(years) * 12 + n(months), n(weeks) * 7 + n(days), ms


def duration_of(text):
    """Of an epsilon: a day has 24 hours, a month 30 days."""
    months, days, ms = period_of(text)
    return (months // 12 * 365 + months % 12 * 30 + days) * 86_400_000 + ms


def add_months(local, months):
    """The last day of the month where there is no such day."""
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    following = datetime.date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return local.replace(year=year, month=month + 1, day=min(local.day, (following - datetime.timedelta(1)).day))


class Grid:
    """target(k) for k >= 0, always counted from the anchor."""

    def __init__(self, schedule, zone=""):
        self.said = (schedule, zone)
        repeat, start, period = schedule.split("/")
        self.count = int(repeat[1:]) if repeat[1:] else -1
        self.months, self.days, self.ms = period_of(period)
        self.zone = zoneinfo.ZoneInfo(zone) if zone else datetime.timezone.utc
        self.anchor = datetime.datetime.fromisoformat(start.rstrip("Z"))
        self.first = self.target(0)
        self.known = [self.first]  # of a calendar's targets, in their order

    def target(self, k):
        local = add_months(self.anchor, k * self.months) + datetime.timedelta(days=k * self.days)
        offset = local.replace(tzinfo=self.zone, fold=0).utcoffset()  # in a gap that of before; of two the earlier
        return min(ms_of(local - offset) + k * self.ms, LAST)

    def even(self):
        return self.months == 0 and self.days == 0

    @property
    def step(self):
        """From one target to the next; 0: that depends."""
        return self.ms if self.even() else 0

    def _know(self, until):
        while self.known[-1] <= until:
            self.known.append(self.target(len(self.known)))

    def between(self, begin, end):
        """Those from begin to end, both included; not more than there are."""
        if end < self.first:
            return []
        if self.even():
            low = max(0, -((self.first - begin) // self.ms))
            high = (end - self.first) // self.ms
            if self.count >= 0:
                high = min(high, self.count - 1)
            return [self.first + k * self.ms for k in range(low, high + 1)]
        self._know(end)
        found = self.known[bisect.bisect_left(self.known, begin):bisect.bisect_right(self.known, end)]
        if self.count >= 0:
            found = [t for t in found if self.index(t) < self.count]
        return found

    def index(self, t):
        """Which one it is, whether or not there are so many; None: none of them."""
        if t < self.first:
            return None
        if self.even():
            k, rest = divmod(t - self.first, self.ms)
            return k if rest == 0 else None
        self._know(t)
        k = bisect.bisect_left(self.known, t)
        return k if self.known[k] == t else None


class Days:
    """The days of a calendar: of the week, "MON-FRI", and parts of a day, "08:00-18:30", in a zone."""

    WEEK = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")

    def __init__(self, days, zone=""):
        self.zone = zoneinfo.ZoneInfo(zone) if zone else datetime.timezone.utc
        self.entries = [self._read(day) for day in days]

    def _read(self, text):
        days, _, part = text.rpartition(" ") if ":" in text else (text, "", "")
        first, _, last = days.partition("-")
        begin, end = part.split("-") if part else ("00:00", "24:00")
        week = range(7) if not days else range(self.WEEK.index(first), self.WEEK.index(last or first) + 1)
        return set(week), *(int(hm[:2]) * 60 + int(hm[3:]) for hm in (begin, end))

    def has(self, t):
        at = datetime.datetime.fromtimestamp(t // 1000, self.zone)
        minute = at.hour * 60 + at.minute
        return any(at.weekday() in week and begin <= minute < end for week, begin, end in self.entries)


class CronGrid:
    """Of five fields those of minute and hour, each day, where no clock is changed. Who is enabled again may run
    the newest target of before."""

    count, step = -1, 86_400_000

    def __init__(self, text, zone, posted):
        self.said = (text, zone)
        minutes, hours = text.split()[:2]
        self.minutes, self.hours = self._read(minutes, 60), self._read(hours, 24)
        self.offset = int(zoneinfo.ZoneInfo(zone).utcoffset(EPOCH).total_seconds()) * 1000
        self.looked = posted // 60000 * 60000 - 3 * 86_400_000  # from here on they are known, and up to it
        self.known = []

    @staticmethod
    def _read(text, n):
        found = set()
        for item in text.split(","):
            values, _, step = item.partition("/")
            low, _, high = (f"0-{n - 1}" if values == "*" else values).partition("-")
            found |= set(range(int(low), int(high or low) + 1, int(step or 1)))
        return found

    def even(self):
        return False

    def _know(self, until):
        while self.looked <= until:
            minute = (self.looked + self.offset) // 60000
            if minute % 60 in self.minutes and minute // 60 % 24 in self.hours:
                self.known.append(self.looked)
            self.looked += 60000

    def between(self, begin, end):
        self._know(end)
        return self.known[bisect.bisect_left(self.known, begin):bisect.bisect_right(self.known, end)]

    def index(self, t):
        self._know(t)
        k = bisect.bisect_left(self.known, t)
        return k if k < len(self.known) and self.known[k] == t else None
