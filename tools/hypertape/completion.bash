# Completion of hypertape's commands, options and their choices, for bash.
_hypertape() {
  mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _hypertape hypertape  # where nothing fits, the names of files
