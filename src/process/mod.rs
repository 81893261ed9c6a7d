//! Starting and stopping other programs.
