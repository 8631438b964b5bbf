-- Level 31. How often a notice was tried and when it is again, and how many each channel has had.

create table notice_tries(
    notice integer not null references notices(id) on delete cascade,
    channel text not null,
    failed integer not null,  -- so many tries
    next_ms integer not null, -- when its channel tries again; 0: nobody has said
    primary key(notice, channel)
) strict, without rowid;

create table notice_counts(
    channel text primary key,
    sent integer not null,
    given_up integer not null
) strict, without rowid;
