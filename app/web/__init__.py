"""HTTP: authentication of requests, errors as answers, and limits on connections."""
