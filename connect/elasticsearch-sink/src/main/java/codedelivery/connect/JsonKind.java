package codedelivery.connect;

/** What a JSON value is. ESCAPED is a string with a backslash in it, ABSENT no value at all. */
enum JsonKind {
    ABSENT, NULL, TRUE, FALSE, NUMBER, STRING, ESCAPED, OBJECT, ARRAY
}
