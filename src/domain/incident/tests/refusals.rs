//! Every refusal, shown by the smallest case that meets it, with its code and exit code.
