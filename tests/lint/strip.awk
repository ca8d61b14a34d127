# SPDX-License-Identifier: ISC
# Blanks the comments of C source, and its string and character literals unless literals=1 keeps them,
# and prints "file:line:rest of the line". For checks that look for words in code.

FNR == 1 { in_comment = 0 }

{
    text = $0
    code = ""
    quote = ""
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        pair = substr(text, i, 2)
        if (in_comment) {
            if (pair == "*/") {
                in_comment = 0
                i++
                code = code " "
            }
        } else if (quote != "") {
            if (literals)
                code = code (c == "\\" ? pair : c)
            if (c == "\\")
                i++
            else if (c == quote) {
                if (!literals)
                    code = code c
                quote = ""
            }
        } else if (pair == "/*") {
            in_comment = 1
            i++
        } else if (pair == "//") {
            break
        } else {
            if (c == "\"" || c == "'")
                quote = c
            code = code c
        }
    }
    print FILENAME ":" FNR ":" code
}
