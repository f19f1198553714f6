-- What an identity was judged by besides its scores: the diarizer's own speakers of which this one is a part or the sum, and the seconds of it
-- that enrolled voices win, judged by window. Null: nobody was enrolled, or no windows were kept.
-- {"heard_as": [2], "won": [{"voice": "Ann", "seconds": 61.2, "longest": 14.8}]}
alter table ingest.speaker add column evidence jsonb;

create or replace view ingest.shown_speaker as
  select run, speaker, decision, name, unknown, label, score, runner_up, runner_up_score, threshold, seconds, voice_model, evidence
    from ingest.speaker;

create or replace view public.speakers as
  select v.id as recording, v.title, p.speaker, p.label, p.name, p.unknown, p.decision, p.score, p.runner_up, p.runner_up_score,
         p.threshold, p.seconds, p.voice_model, p.run, p.evidence
    from ingest.recording v
    join ingest.speaker p on p.run = v.current_run;
