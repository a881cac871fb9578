"""HTTP as steps use it: requests, sign-in at other servers, the bodies of responses."""
