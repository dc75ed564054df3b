"""How a file as a whole is refused. The sentences are the registry's; none quotes what a cell holds."""

from shared.contracts.refusal import Refusal


class SheetRefused(Refusal):
    """A file that cannot be read as a list; what all the others here are."""

    code = "sheet_refused"
    status = 422


class NotASpreadsheet(SheetRefused):
    """Something else than `.xlsx` or `.csv`, or damaged beyond reading."""

    code = "sheet_not_a_spreadsheet"


class WebPage(SheetRefused):
    """A web page or XML under a spreadsheet's name, as many systems of offices export it."""

    code = "sheet_web_page"


class EmptyFile(SheetRefused):
    """There is nothing in the file."""

    code = "sheet_empty"


class OldSpreadsheetFormat(SheetRefused):
    """The binary format from before 2007."""

    code = "sheet_old_format"


class PasswordProtected(SheetRefused):
    """The workbook is encrypted."""

    code = "sheet_password_protected"


class FileTooLarge(SheetRefused):
    """More bytes than one upload may have, packed or unpacked."""

    code = "sheet_too_large"
    status = 413


class TooManyRows(SheetRefused):
    """More rows than one import takes."""

    code = "sheet_too_many_rows"


class TooManyColumns(SheetRefused):
    """More columns than any list has."""

    code = "sheet_too_many_columns"


class QuotesUnpaired(SheetRefused):
    """A text file with a quotation mark that is never closed, or closed amid a cell. Param ``row``: where it begins."""

    code = "sheet_quotes_unpaired"


class HeaderNotFound(SheetRefused):
    """No row names the columns. Param ``needed``: titles of the columns that must be there."""

    code = "sheet_header_not_found"


class ColumnsMissing(SheetRefused):
    """The header was found, and something needed is not in it. Params ``row``, ``missing``, ``found``."""

    code = "sheet_columns_missing"


class SeveralSheets(SheetRefused):
    """More than one worksheet holds a list; taking only one of them would silently lose people.

    Params ``count`` and ``places``: how many, and which of the workbook's sheets, 1-based.
    """

    code = "sheet_several_lists"
