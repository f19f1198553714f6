-- Two group roles. A worker logs in as a member of ingest_writer, a person or an application as a member of ingest_reader.
-- Run again after every migration and every new dimension, which bring tables that nobody was granted anything on.

do $$
declare role text;
begin
  foreach role in array array['ingest_writer', 'ingest_reader'] loop
    if not exists (select from pg_roles where rolname = role) then
      begin
        execute format('create role %I nologin', role);
      exception when duplicate_object or unique_violation then null; -- the owner of another database was faster: roles are the server's
      end;
    end if;
  end loop;
end $$;

grant usage on schema ingest to ingest_writer, ingest_reader;
-- Earlier versions let readers read every table.
revoke all on all tables in schema ingest from ingest_reader;
grant select, insert, update, delete on all tables in schema ingest to ingest_writer;
grant usage on all sequences in schema ingest to ingest_writer;
-- What voices are like is for those who may read the rest, not for whoever may connect (migration 0020).
grant execute on function ingest.nearest_voices(text[]) to ingest_writer, ingest_reader;
grant select on public.current_segments, public.speakers, public.recordings to ingest_writer, ingest_reader;
-- The schema's version is the owner's to write; history of numbers and models is never taken back.
revoke insert, update, delete on ingest.schema_version from ingest_writer;
revoke update, delete on ingest.unknown_voice, ingest.embedding_model from ingest_writer;
-- What people decide, and what they want forgotten, is not a worker's to say: it lays it over what it finds.
revoke insert, update, delete on ingest.voice_decision, ingest.decided_voice, ingest.decided_speaker, ingest.tombstone from ingest_writer;
grant update (open) on ingest.decided_speaker to ingest_writer;
-- No worker removes a recording or the history of its runs: it replaces what a run has found. That is the owner's to do.
revoke delete on ingest.recording, ingest.run from ingest_writer;

-- Who decides about voices and forgets: members of ingest_curator, and the owner. Optional: an owner who may make no roles does it alone.
do $$
declare found text;
begin
  if not exists (select from pg_roles where rolname = 'ingest_curator') then
    begin
      create role ingest_curator nologin;
    exception when duplicate_object or unique_violation or insufficient_privilege then null;
    end;
  end if;
  if exists (select from pg_roles where rolname = 'ingest_curator') then
    grant usage on schema ingest to ingest_curator;
    grant select on public.current_segments, public.speakers, public.recordings to ingest_curator;
    grant usage on all sequences in schema ingest to ingest_curator;
    grant execute on function ingest.nearest_voices(text[]) to ingest_curator;
    for found in select tablename from pg_tables where schemaname = 'ingest' and tablename <> 'schema_version' loop
      execute format('grant select, insert, update, delete on ingest.%I to ingest_curator', found);
    end loop;
    for found in select viewname from pg_views where schemaname = 'ingest' loop
      execute format('grant select on ingest.%I to ingest_curator', found);
    end loop;
  end if;
end $$;

do $$
declare shown text;
begin
  for shown in select viewname from pg_views where schemaname = 'ingest' loop
    execute format('revoke insert, update, delete on ingest.%I from ingest_writer', shown); -- a simple view would write with its owner's rights
    execute format('grant select on ingest.%I to ingest_reader', shown);
  end loop;
end $$;
