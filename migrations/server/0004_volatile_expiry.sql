-- What is swept by age is found by age: strangers decide how many failed sign-ins there are.
CREATE INDEX login_guard_age ON login_guard (last_failed_at_ms);
CREATE INDEX enrolment_challenge_expiry ON enrolment_challenge (expires_at_ms);
