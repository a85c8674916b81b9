//! Findings, LoadLine and waivers to a verdict.
