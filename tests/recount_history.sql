-- What a job counts along of its runs that are over, counted anew, as recount.sql does with what is not over.
-- It reads the whole history: who asks often asks the more rarely the longer that is.
with
fresh as (
    select job, count(*) n, min(due_ms) due_ms from job_runs not indexed
    where ended_ms is not null and old_bytes is null and held is null group by job)

select 'job ' || j.id || ' counts ' || ifnull(e.fresh, 'no') || ' runs that are over and not old, from '
       || ifnull(e.mark_ms, 'no time') || ' on, has ' || ifnull(f.n, 0) || ', from ' || ifnull(f.due_ms, 'no time') || ' on'
    from jobs j left join job_ends e on e.job = j.id left join fresh f on f.job = j.id
    where ifnull(e.fresh, 0) <> ifnull(f.n, 0) or f.due_ms < e.mark_ms
