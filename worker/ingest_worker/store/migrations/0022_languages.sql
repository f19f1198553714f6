-- Which languages are spoken is asked at each search: from one to the next by an index, instead of reading every run there is.
create index run_language on ingest.run (language) where superseded_at is null;
