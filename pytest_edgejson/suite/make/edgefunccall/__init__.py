"""EdgeFuncCall: which functions to call for a request, with which parameters."""
