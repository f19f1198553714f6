-- What a search joins at each question: the recording of a passage's run. Without it, every recording is read for each passage that was found.
create index recording_current_run on ingest.recording (current_run);
