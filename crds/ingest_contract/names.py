"""The API names: group, version and kinds. Each is spelt here once."""

from typing import Final

GROUP: Final = "video-ingest.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

BATCH_KIND: Final = "IngestBatch"
PROFILE_KIND: Final = "IngestProfile"
SCHEDULE_KIND: Final = "IngestSchedule"
SPEAKER_KIND: Final = "SpeakerProfile"
