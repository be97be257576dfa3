//! Request and reply types shared by `web` and `cli`; no behaviour.
