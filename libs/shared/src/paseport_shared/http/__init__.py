"""What both services render alike: problems, request ids, headers, client addresses."""
