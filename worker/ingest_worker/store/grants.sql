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
grant select on all tables in schema ingest to ingest_writer, ingest_reader;
grant insert, update, delete on all tables in schema ingest to ingest_writer;
grant usage on all sequences in schema ingest to ingest_writer;
grant select on public.current_segments, public.speakers, public.videos to ingest_writer, ingest_reader;
-- The schema's version is the owner's to write; history of numbers and models is never taken back.
revoke insert, update, delete on ingest.schema_version from ingest_writer;
revoke update, delete on ingest.unknown_voice, ingest.embedding_model from ingest_writer;
