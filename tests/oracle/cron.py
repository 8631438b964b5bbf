"""The targets of a cron expression, one by one: what lib/base/cron.h says, in the simplest way."""
import calendar
from datetime import date, datetime, timedelta, timezone

DAY = 86400
LIMITS = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]
MONTHS = {n.upper(): i for i, n in enumerate(calendar.month_abbr) if n}
WEEKDAYS = {n: i for i, n in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])}


def is_star(field):
    return field[0] in "*?"


def values(field, limits, words):
    low_most, high_most = limits
    found = set()
    for item in field.upper().split(","):
        span, _, step = item.partition("/")
        low, _, high = span.partition("-")
        if span in "*?":
            low, high = low_most, min(high_most, 6) if words is WEEKDAYS else high_most
        else:
            low = int(words.get(low, low))
            high = int(words.get(high, high)) if high else (high_most if step else low)
            if words is WEEKDAYS and (high == 0 < low or (step and "-" not in span)):
                high = 7 if high == 0 else 6
        found |= set(range(low, high + 1, int(step or 1)))
    return {v % 7 for v in found} if words is WEEKDAYS else found


def nearest_working(year, month, day):
    """The Monday to Friday of the month that is nearest to that day of it."""
    length = calendar.monthrange(year, month)[1]
    if day > length:
        return None
    near = [(abs(d - day), d) for d in range(1, length + 1) if date(year, month, d).weekday() < 5]
    return min(near)[1]


def day_of_month_fits(field, d):
    length = calendar.monthrange(d.year, d.month)[1]
    text = field.upper()
    if text == "L":
        return d.day == length
    if text == "LW":
        return d.day == nearest_working(d.year, d.month, length)
    if text.endswith("W"):
        return d.day == nearest_working(d.year, d.month, int(text[:-1]))
    return d.day in values(field, LIMITS[3], {})


def weekday_fits(field, d):
    text, is_day = field.upper(), d.isoweekday() % 7
    if "#" in text:
        word, nth = text.split("#")
        return is_day == int(WEEKDAYS.get(word, word)) % 7 and (d.day - 1) // 7 + 1 == int(nth)
    if text.endswith("L"):
        return is_day == int(WEEKDAYS.get(text[:-1], text[:-1])) % 7 and (d + timedelta(days=7)).month != d.month
    return is_day in values(field, LIMITS[5], WEEKDAYS)


class Expression:
    def __init__(self, text):
        fields = text.split()
        fields = ["0"] * (6 - len(fields)) + fields
        second, minute, hour, self.day, month, self.weekday = fields
        self.months = values(month, LIMITS[4], MONTHS)
        self.clock = sorted(h * 3600 + m * 60 + s for h in values(hour, LIMITS[2], {})
                            for m in values(minute, LIMITS[1], {}) for s in values(second, LIMITS[0], {}))
        self.follows = is_star(hour)

    def fits(self, d):
        if d.month not in self.months:
            return False
        by_month, by_week = day_of_month_fits(self.day, d), weekday_fits(self.weekday, d)
        if is_star(self.day) or is_star(self.weekday):
            return by_month and by_week
        return by_month or by_week


def targets(text, tz, from_s, to_s):
    e = Expression(text)
    found = set()
    d = datetime.fromtimestamp(from_s - 2 * DAY, timezone.utc).date()
    while d <= datetime.fromtimestamp(to_s + 2 * DAY, timezone.utc).date():
        if e.fits(d):
            midnight = datetime(d.year, d.month, d.day)
            for s in e.clock:
                local = midnight + timedelta(seconds=s)
                for fold in (0, 1):
                    utc = local.replace(tzinfo=tz, fold=fold).astimezone(timezone.utc)
                    shown = utc.astimezone(tz).replace(tzinfo=None) == local
                    if (e.follows and shown) or (not e.follows and fold == 0):
                        found.add(int(utc.timestamp()))
        d += timedelta(days=1)
    return sorted(s for s in found if from_s <= s <= to_s)
