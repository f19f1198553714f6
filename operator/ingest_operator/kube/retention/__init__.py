"""The Jobs that forget what is older than a profile keeps."""
