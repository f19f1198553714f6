"""The controller of SpeakerProfile."""
