-- Level 38. What is counted at the end of a run is one short row a job, in the place of eight.
--
-- Beside it stands what was counted before: `facts` are of `day` and add up with the rows of
-- job_days, where they go when another day begins or they are many; `samples` are newer than all of
-- job_samples, where they go by the 32. The counters, unless they are null, are those that hold;
-- else those in `jobs` do.
--
-- Packed numbers have seven bits a byte, the least first; the highest bit says that more follow.
-- A fact is two of them: how far fact * 1024 + bucket is from that of the fact before it, or from
-- 0, and n, as job_days has them. A sample is one, the oldest first.

create table job_ends(
    job integer primary key references jobs(id) on delete cascade,
    day integer not null,
    facts blob not null,
    samples blob not null,
    successes integer, errors integer, errors_since_success integer,
    last_success_ms integer, last_error_ms integer -- 0: never
) strict;
