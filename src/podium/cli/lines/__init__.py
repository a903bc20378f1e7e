"""What the verbs say: lines for people, plain values for programs. Pure, so that golden files can hold it."""
