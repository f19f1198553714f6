-- A recording is called a recording everywhere, and a run's number its number. Names change here, and nothing else.

alter table ingest.video rename to recording;
alter table ingest.recording rename constraint video_pkey to recording_pkey;
alter table ingest.recording rename constraint video_id_check to recording_id_check;
alter table ingest.recording rename constraint video_duration_seconds_check to recording_duration_seconds_check;
alter table ingest.recording rename constraint current_run_is_a_run_of_this_video to current_run_is_a_run_of_this_recording;
alter index ingest.video_published_at rename to recording_published_at;

alter table ingest.run rename column video to recording;
alter table ingest.run rename column try to number;
alter table ingest.run rename constraint run_video_fkey to run_recording_fkey;
alter table ingest.run rename constraint run_video_id_key to run_recording_id_key;
alter table ingest.run rename constraint run_try_check to run_number_check;

alter table ingest.outcome rename column video to recording;
alter table ingest.outcome rename constraint outcome_video_fkey to outcome_recording_fkey;
alter table ingest.claim rename column video to recording;
alter table ingest.artifact rename column video to recording;
alter table ingest.address rename column video to recording;
alter table ingest.unknown_voice rename column first_video to first_recording;
alter index ingest.unknown_voice_first_video rename to unknown_voice_first_recording;

alter view ingest.shown_video rename to shown_recording;
alter view ingest.shown_run rename column video to recording;
alter view ingest.shown_run rename column try to number;
alter view public.videos rename to recordings;
alter view public.current_segments rename column video to recording;
alter view public.speakers rename column video to recording;
