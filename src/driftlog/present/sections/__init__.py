"""Sections of the report: data in, headings, sentences, charts and tables out."""
