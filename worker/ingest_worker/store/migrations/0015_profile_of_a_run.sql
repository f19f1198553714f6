-- The IngestProfile of a run, `<namespace>/<name>`: its retention counts for the recording of which it is the current run. Null for runs that
-- were stored before, and for those whose order names none.
alter table ingest.run add column profile text;
create index run_profile on ingest.run (profile);
