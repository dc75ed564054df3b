"""Stars (星级): applied for, assessed, granted, reviewed, withdrawn. Made of hours of service and of their quality."""
