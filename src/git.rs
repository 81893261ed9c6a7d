//! Branch, commit and places of the git repository around a project.
