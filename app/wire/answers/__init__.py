"""The JSON of answers, one file a subject, for endpoints and the API description."""
