"""What requests and answers look like. Requests are checked against these, answers documented (and tested) by them."""
