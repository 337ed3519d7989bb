# Bash completion of hypertape's commands, options and choices.
_hypertape() {
  mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _hypertape hypertape  # file names if nothing matches
